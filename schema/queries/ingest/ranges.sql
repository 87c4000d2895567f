-- One partition's record since its newest epoch, gap or checkpoint row: that base and the ranges. The server's
-- clock orders them, whoever wrote them.
SELECT toInt8(kind), first, next, rows, toString(cost), last_hash
FROM ingest_ranges
WHERE topic = {topic:String} AND topic_id = {topic_id:UUID} AND partition = {partition:Int32}
  AND at >=
  (
      SELECT max(at)
      FROM ingest_ranges
      WHERE topic = {topic:String} AND topic_id = {topic_id:UUID} AND partition = {partition:Int32} AND kind != 'range'
  )
ORDER BY first, next
