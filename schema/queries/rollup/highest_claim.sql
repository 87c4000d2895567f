SELECT max(n) FROM window_revisions WHERE level = {level:String} AND window = {window:DateTime('UTC')}
