"""What the command line knows of each CRM: one folder per CRM. `suite/catalogue.py` lists them."""
