"""What tests stand on: private servers, scripted peers, the platform as processes, and the laws."""
