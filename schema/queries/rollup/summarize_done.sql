-- The sums of a writing are there.
INSERT INTO summaries (hour, of, writing, done)
SELECT hour, of, writing, 1 FROM summaries WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')} AND writing = {writing:UInt64} AND done = 0
