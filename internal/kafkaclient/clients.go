package kafkaclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	kafkasasl "github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Options are franz-go's.
func (s Servers) Options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(s.Brokers...)}
	if s.TLS.Enabled {
		c, err := s.TLS.config()
		if err != nil {
			return nil, fmt.Errorf("kafka: tls.%w", err)
		}
		opts = append(opts, kgo.DialTLSConfig(c))
	}
	if s.SASL.Mechanism != "" {
		m, err := s.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

// Secure adds to kafka-go's transport what the brokers ask for.
func (s Servers) Secure(t *kafka.Transport) (err error) {
	t.TLS, t.SASL, err = s.kafkaGo()
	return err
}

// Dialer is for kafka-go's consumer group, with its default's times.
func (s Servers) Dialer() (*kafka.Dialer, error) {
	d := &kafka.Dialer{Timeout: 10 * time.Second, DualStack: true}
	var err error
	d.TLS, d.SASLMechanism, err = s.kafkaGo()
	return d, err
}

func (s Servers) kafkaGo() (c *tls.Config, m kafkasasl.Mechanism, err error) {
	if s.TLS.Enabled {
		if c, err = s.TLS.config(); err != nil {
			return nil, nil, fmt.Errorf("kafka: tls.%w", err)
		}
	}
	if s.SASL.Mechanism != "" {
		inner, err := s.SASL.mechanism()
		if err != nil {
			return nil, nil, err
		}
		m = forKafkaGo{inner}
	}
	return c, m, nil
}

// mechanism asks for the password at every connection.
func (a SASL) mechanism() (sasl.Mechanism, error) {
	switch a.Mechanism {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := a.Secret()
			return plain.Auth{User: a.Username, Pass: password}, err
		}), nil
	case ScramSHA256, ScramSHA512:
		auth := func(context.Context) (scram.Auth, error) {
			password, err := a.Secret()
			return scram.Auth{User: a.Username, Pass: password}, err
		}
		if a.Mechanism == ScramSHA256 {
			return scram.Sha256(auth), nil
		}
		return scram.Sha512(auth), nil
	}
	return nil, fmt.Errorf("kafka: sasl.mechanism: %q is not spoken", a.Mechanism)
}

// forKafkaGo lets kafka-go speak franz-go's mechanisms: the two say the same in other words.
type forKafkaGo struct{ inner sasl.Mechanism }

// Name implements kafka-go's Mechanism.
func (m forKafkaGo) Name() string { return m.inner.Name() }

// Start implements kafka-go's Mechanism.
func (m forKafkaGo) Start(ctx context.Context) (kafkasasl.StateMachine, []byte, error) {
	session, first, err := m.inner.Authenticate(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	return conversation{session}, first, nil
}

type conversation struct{ session sasl.Session }

// Next implements kafka-go's StateMachine.
func (c conversation) Next(_ context.Context, challenge []byte) (done bool, response []byte, err error) {
	done, response, err = c.session.Challenge(challenge)
	if err != nil {
		return false, nil, errors.Join(errors.New("kafka refused the user or its password, or is not the server that knows it"), err)
	}
	return done, response, nil
}
