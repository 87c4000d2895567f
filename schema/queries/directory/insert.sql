INSERT INTO tenants (tenant, valid_from, removed, display_name, parent, cost_centre, owner, time_zone, attributes, author, reason, at)
