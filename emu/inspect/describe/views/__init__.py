"""What a description is made of: plain data, ready for JSON or for a renderer.

Sizes are in bytes, unless a name says otherwise. Facts are fields of the schema under their own
names, in dicts, lists, text and numbers; byte vectors are text in hexadecimal.
"""
