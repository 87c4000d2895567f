-- The most expensive calls of a window.
SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(model) AS name, toString(cost) AS usd
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE tenant = {tenant:String}
  AND ({by:String} = '' OR {value:String} = if({by:String} = 'team', toString(team), if({by:String} = 'key', toString(key), if({by:String} = 'model', toString(model),
        if({by:String} = 'agent', toString(agent), if({by:String} = 'conversation', conversation, if({by:String} = 'trace', lower(hex(trace_id)), '')))))))
ORDER BY cost DESC, trace_id, span_id
LIMIT 5
