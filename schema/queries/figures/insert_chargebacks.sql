INSERT INTO chargebacks (month, tenant, cost_centre, at_least, calls, own, adjusted, shared, reserved, total, at)
