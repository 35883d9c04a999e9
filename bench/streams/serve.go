// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/node/api"
)

func serve() {
	handler := api.PodHandler(api.PodHandlerConfig{
		RunInContainer:        run,
		PortForward:           echo,
		GetContainerLogs:      logs,
		StreamIdleTimeout:     time.Hour,
		StreamCreationTimeout: 30 * time.Second,
	}, true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler: handler,
		// As ours, it asks for a client certificate and resumes no session.
		TLSConfig: &tls.Config{
			Certificates:           []tls.Certificate{certificate()},
			MinVersion:             tls.VersionTLS12,
			ClientAuth:             tls.RequestClientCert,
			SessionTicketsDisabled: true,
		},
		// Upgrades need HTTP/1.1.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	fail(server.ServeTLS(listener, "", ""))
}

// run knows `zero N`, `count` and `true`, as serve.ts does.
func run(_ context.Context, _, _, _ string, command []string, attach api.AttachIO) error {
	switch command[0] {
	case "zero":
		n, _ := strconv.Atoi(command[1])
		_, err := io.Copy(attach.Stdout(), io.LimitReader(zeros{}, int64(n)))
		return err
	case "count":
		n, err := io.Copy(io.Discard, attach.Stdin())
		fmt.Fprint(attach.Stdout(), n)
		return err
	case "wait":
		_, err := io.Copy(io.Discard, attach.Stdin())
		return err
	}
	return nil
}

func echo(_ context.Context, _, _ string, _ int32, stream io.ReadWriteCloser) error {
	_, err := io.Copy(stream, stream)
	return err
}

func logs(_ context.Context, _, _, _ string, options api.ContainerLogOpts) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(lines{}, int64(options.LimitBytes))), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const line = "0123456789012345678901234567890123456789012345678901234567890123456789012345678\n"

type lines struct{}

func (lines) Read(p []byte) (int, error) {
	n := 0
	for n+len(line) <= len(p) {
		n += copy(p[n:], line)
	}
	if n == 0 {
		n = copy(p, line)
	}
	return n, nil
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	fail(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
