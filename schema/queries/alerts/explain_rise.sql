-- Of each subject (a tenant, or a part of it by one dimension), the part whose spend rose most from the window before to
-- this one.
WITH if({by:String} = 'team', toString(team), if({by:String} = 'key', toString(key), if({by:String} = 'model', toString(model),
        if({by:String} = 'agent', toString(agent), if({by:String} = 'conversation', conversation, if({by:String} = 'trace', lower(hex(trace_id)), '')))))) AS value
SELECT tenant, value, part.1 AS dimension, part.2 AS name, toString(sumIf(cost, minute >= {from:DateTime('UTC')})) AS now_usd,
    toString(sumIf(cost, minute < {from:DateTime('UTC')})) AS before_usd
FROM calls(from = {before:DateTime('UTC')}, to = {to:DateTime('UTC')})
ARRAY JOIN [('model', toString(model)), ('team', toString(team)), ('key', toString(key)), ('agent', toString(agent)),
    ('feature', toString(feature)), ('service', toString(service)), ('prompt', toString(prompt))] AS part
WHERE tenant IN {tenants:Array(String)} AND part.2 != ''
  AND ({by:String} = '' OR has(arrayZip({tenants:Array(String)}, {values:Array(String)}), (toString(tenant), value)))
GROUP BY tenant, value, part
ORDER BY tenant, value, sumIf(cost, minute >= {from:DateTime('UTC')}) - sumIf(cost, minute < {from:DateTime('UTC')}) DESC, part
LIMIT 1 BY tenant, value
