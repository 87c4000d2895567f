-- What was written last, in the order of name and key.
SELECT toString(name) AS name_, key, toString(value) AS value_
FROM dashboard_figures_now
ORDER BY name_, key
