"""Lines whose speaker the dump does not name: who may speak them. Nothing is renamed here."""
