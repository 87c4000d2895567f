SELECT groupArray(volume_name) FROM (SELECT volume_name FROM system.storage_policies WHERE policy_name = {policy:String} ORDER BY volume_priority)
