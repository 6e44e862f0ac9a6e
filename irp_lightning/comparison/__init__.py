"""Many runs beside each other: tables, figures, tests and one page, from run folders alone."""
