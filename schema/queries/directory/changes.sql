-- Every change that was ever made, of one tenant or of all.
SELECT tenant, toStartOfDay(valid_from) AS since, removed, display_name, parent, cost_centre, owner, time_zone, attributes, author, reason, at
FROM tenants
WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
ORDER BY tenant, at, since
