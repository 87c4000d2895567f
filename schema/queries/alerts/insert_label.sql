INSERT INTO alert_labels
(episode, verdict, acted, note, author)
