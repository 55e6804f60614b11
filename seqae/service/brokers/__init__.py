"""Rows from brokers and control systems: MQTT, Kafka and OPC-UA behind one small interface."""
