"""Questions handed to a server as a file, answered within a day at a part of the price: its `/batches`."""
