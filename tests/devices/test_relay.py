"""Tests ../../jsr/devices/relay.py."""

import socket
import threading

import pytest

from jsr.devices import relay


@pytest.fixture
def lost():
    return threading.Event()


@pytest.fixture
def service():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def client(service, lost):
    host, port = relay.start(f"127.0.0.1:{service.getsockname()[1]}", lost.set).split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


def test_relay_passes_on_both_ways(service, client):
    connection, _ = service.accept()
    data = bytes(range(256)) * 4096
    thread = threading.Thread(target=client.sendall, args=(data,))
    thread.start()
    with connection, connection.makefile("rb") as file:
        assert file.read(len(data)) == data
        connection.sendall(b"answer")
        assert client.recv(6) == b"answer"
    thread.join()


def test_relay_keeps_the_client_open_when_the_service_is_lost(service, client, lost):
    connection, _ = service.accept()
    connection.close()
    assert lost.wait(10)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_relay_calls_nothing_when_the_client_leaves(service, client, lost):
    connection, _ = service.accept()
    client.close()
    with connection:
        connection.settimeout(10)
        assert connection.recv(1) == b""
    assert not lost.wait(0.2)


def test_relay_turns_the_client_away_until_the_service_answers(lost):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    host, number = relay.start(f"127.0.0.1:{port}", lost.set).split(":")
    with socket.create_connection((host, int(number)), timeout=10) as client:
        assert client.recv(1) == b""
    assert not lost.is_set()
