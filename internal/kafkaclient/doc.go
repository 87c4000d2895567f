// Package kafkaclient is how every role reaches Kafka: which brokers, over TLS or not, and who it says it is (SASL). It turns the
// one section of the configuration into what franz-go and kafka-go want.
//
// It refuses settings that contradict each other, and a password in plain over an open connection. No error, log or printed
// configuration of it holds a secret.
package kafkaclient
