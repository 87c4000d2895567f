SELECT month FROM periods_now WHERE state = 'closed'
