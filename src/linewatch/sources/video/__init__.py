"""Cameras that give pictures by RTSP, and files of video played as if they were live, as a source."""
