INSERT INTO alert_dead_letters
(episode, sequence, receiver, outcome, reason, sent, author)
