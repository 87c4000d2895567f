INSERT INTO dashboard_figures (name, key, value, at)
