-- The most expensive calls of each subject (a tenant, or a part of it by one dimension) in a window.
WITH if({by:String} = 'team', toString(team), if({by:String} = 'key', toString(key), if({by:String} = 'model', toString(model),
        if({by:String} = 'agent', toString(agent), if({by:String} = 'conversation', conversation, if({by:String} = 'trace', lower(hex(trace_id)), '')))))) AS value
SELECT tenant, value, lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(model) AS name, toString(cost) AS usd
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE tenant IN {tenants:Array(String)}
  AND ({by:String} = '' OR has(arrayZip({tenants:Array(String)}, {values:Array(String)}), (toString(tenant), value)))
ORDER BY tenant, value, cost DESC, trace_id, span_id
LIMIT 5 BY tenant, value
