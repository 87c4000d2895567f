INSERT INTO rerate_runs (id, step, number, done_to) SELECT {id:UUID}, {step:String}, {number:UInt16}, {hour:DateTime('UTC')}
