ALTER TABLE rerate_reports DROP PARTITION {run:String}
