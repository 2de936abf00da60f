"""The bundled demo: four invented games whose voices come from a synthesiser."""
