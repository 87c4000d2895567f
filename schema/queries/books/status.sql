SELECT month, toString(state), author, reason, toString(cost), calls, evidence, since FROM periods_now ORDER BY month
