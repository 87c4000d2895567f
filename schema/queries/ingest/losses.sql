-- What one partition is known to have lost under its present topic id, and how often its log turned out to be another one.
SELECT toInt64(sumIf(next - first, kind = 'gap' AND topic_id = {topic_id:UUID})), countIf(kind = 'epoch' AND reason != 'first start')
FROM ingest_ranges
WHERE topic = {topic:String} AND partition = {partition:Int32}
