-- A row for partitions that may have none yet: any other outdates it. Without it a partition that was never complete
-- would not count.
INSERT INTO ingest_freshness (topic, partition, complete_to, at)
SELECT {topic:String}, arrayJoin({partitions:Array(Int32)}), toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC')
