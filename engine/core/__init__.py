"""The vocabulary of the house: pure types, exact numbers, clocks and ids. Imports nothing but the standard library."""
