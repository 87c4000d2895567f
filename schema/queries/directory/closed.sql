SELECT month FROM periods_now WHERE state = 'closed' ORDER BY month
