-- What the price of an aggregate's rest depends on. Reads the table behind the view calls, which leaves aggregates out.
SELECT toString(provider), toString(model), toString(request_model), toString(service_tier), toString(kind), toString(operation),
    toString(region), start, flags
FROM call_reports FINAL
WHERE minute = {minute:DateTime('UTC')} AND tenant = {tenant:String}
  AND trace_id = toFixedString(unhex({trace:String}), 16) AND span_id = toFixedString(unhex({span:String}), 8)
