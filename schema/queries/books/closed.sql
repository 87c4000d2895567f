-- How often a month was closed or reopened so far, read first, and which months are closed.
WITH (SELECT count() FROM periods) AS changes
SELECT changes, groupArray(month) FROM periods_now WHERE state = 'closed'
