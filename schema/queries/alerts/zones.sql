SELECT tenant, time_zone FROM tenants_at(at = {at:DateTime('UTC')}) WHERE time_zone != ''
