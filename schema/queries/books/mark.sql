INSERT INTO adjust_marks (window, id, done) SELECT {window:DateTime('UTC')}, generateUUIDv4(), 0
