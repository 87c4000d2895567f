// Package apachekafka gives tests real Apache Kafka: one broker or several, in KRaft mode, each a Java process of its own
// on free loopback ports with its data in the test's folder. Maven fetches the jars that pom.xml pins; Java 17 and mvn are
// all that is needed. Every broker is both broker and controller, so that a majority of three survives the loss of one.
//
// It is for tests tagged testall: a start takes some five seconds, the first one longer for the download. kafkatest is
// the broker for all others.
package apachekafka
