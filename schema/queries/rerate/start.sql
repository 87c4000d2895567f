INSERT INTO rerate_runs (id, step, number, range_from, range_to, every, tenant, model, price_version, rules, reread, author, reason, hours)
SELECT {id:UUID}, 'started', {number:UInt16}, {from:DateTime('UTC')}, {to:DateTime('UTC')}, {every:UInt8}, {tenant:String}, {model:String}, {book:String}, {rules:String}, {reread:UInt8},
    {author:String}, {reason:String}, {hours:UInt32}
