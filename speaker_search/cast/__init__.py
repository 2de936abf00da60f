"""Characters -> voices: who is likely played by one person, across games. Inference about people: never a proof."""
