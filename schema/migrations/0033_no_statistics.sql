-- No statistics of columns in tables that are merged all the time: ClickHouse 26.4 and later make them with each merge of each table, and of what is asked here
-- nothing is planned better by them (docs/adr/0055-no-statistics-of-columns.md). The embedded engine is told so for all tables. Parts of before keep theirs until they are merged.
ALTER TABLE {{.Database}}.call_reports MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.spans MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.settlements MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.settle_candidates MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.cost_minute MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.cost_hour MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.cost_day MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.cost_hour_by MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.cost_day_by MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.summary_tenants MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.summary_models MODIFY SETTING auto_statistics_types = '';
ALTER TABLE {{.Database}}.process_metrics MODIFY SETTING auto_statistics_types = '';
