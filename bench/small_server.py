"""A notebook server that starts in a hundredth of a second and answers every request with 200."""

import os
import socket

port = int(os.environ["JUPYTERHUB_SERVICE_URL"].split("/")[2].rpartition(":")[2])
with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
