"""The pages for people: shells rendered here, filled by modules in the browser that ask the API below /v1."""
