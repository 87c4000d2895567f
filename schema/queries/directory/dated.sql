SELECT tenant, since, removed, display_name, parent, cost_centre, owner, time_zone, attributes
FROM tenants_dated
ORDER BY tenant, since
