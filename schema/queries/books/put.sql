INSERT INTO periods (month, state, author, reason, cost, calls, evidence)
SELECT {month:Date}, {state:String}, {author:String}, {reason:String}, toDecimal128({cost:String}, 12), {calls:UInt64}, {evidence:String}
