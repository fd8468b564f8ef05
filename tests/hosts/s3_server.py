"""An S3 server on loopback that goes away for some seconds when it is told to, and keeps its objects.

python s3_server.py PORT SECONDS     SIGUSR1 takes it away for SECONDS
"""

import signal
import sys
import time

from moto.server import ThreadedMotoServer


def main(port: int, seconds: float) -> None:
    while True:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        server.start()
        signal.sigwait({signal.SIGUSR1})
        server.stop()
        time.sleep(seconds)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    main(int(sys.argv[1]), float(sys.argv[2]))
