INSERT INTO chargebacks (month, tenant, name, parent, cost_centre, owner, at_least, calls, own, adjusted, shared, reserved, total, at)
