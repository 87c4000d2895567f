// Package kafka is the broker of a single machine: franz-go's kfake with its data directory, behind the Kafka protocol.
// It owns a directory (locked; a second broker on it is refused), the three topics of the product with their settings,
// their retention, and a guard that refuses records before the disk is full.
//
// Data comes in and goes out over the Kafka protocol only: nothing in the product knows whether it talks to this broker
// or to a cluster. Records are on disk (fsync) before they are acknowledged. What it refuses: listening on an address
// that clients can't dial (0.0.0.0 would be advertised as such), a directory in use, and produce requests while less
// than Config.MinFree bytes are free; those get KAFKA_STORAGE_ERROR, which producers retry.
//
// A member of a consumer group that died while it waited for its group is made to leave (members.go).
//
// kfake answers success to an offset commit that it could not write; ingest doesn't rely on commits alone (DESIGN D3).
//
// Metrics: tollkeeper_kafka_free_bytes, tollkeeper_kafka_refusing (1 while the guard refuses),
// tollkeeper_kafka_refused_total, tollkeeper_kafka_bytes{topic}, tollkeeper_kafka_records{topic}.
package kafka
