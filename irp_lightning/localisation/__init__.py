"""Where in a picture the defect is: maps, measures of them, and pictures."""
