SELECT max(n) FROM adjust_revisions WHERE window = {window:DateTime('UTC')}
